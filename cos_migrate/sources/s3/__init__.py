"""AWS S3 and services with its protocol, CSP among them."""
