"""Who someone is: users and sign-in."""
