"""A stand-in for Azure on this machine: sign-in, Resource Manager and storage behind HTTPS.

Nothing of it is known to the client under test: it is reached under Azure's own host names, which lead to the
loopback address, with certificates of an authority that is trusted for the test alone.
"""
