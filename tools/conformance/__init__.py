"""The DICOM Conformance Statement of PS3.2, written from the program's own tables."""
