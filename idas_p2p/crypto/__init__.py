"""Keys, signed records, handshake and cipher stream: the only importer of nacl."""
