"""What every end-to-end test stands on: private servers, clients for them, and patience."""
