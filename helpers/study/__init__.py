"""What lesson 6 rests on: domains, strategies compared on them, the autopsy, and the results of both."""
