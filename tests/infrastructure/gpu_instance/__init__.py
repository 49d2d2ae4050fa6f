"""How an instance makes itself a host of workers."""
