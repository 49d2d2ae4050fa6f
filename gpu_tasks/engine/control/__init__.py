"""Make the pictures that ControlNets and adapters are guided by."""
