"""First contact for nodes: a directory server for operators, with no DICOM in it."""
