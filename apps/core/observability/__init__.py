"""What is measured of Easel, how it is told, and when somebody is woken for it."""
