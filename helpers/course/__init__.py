"""What runs, packs and publishes the course. No lesson imports from here."""
