"""The published data set: downloaded, verified, unpacked."""
