"""Images of every institution that agreed to share, behind one ordinary DICOM node; docs/architecture.md."""

__version__ = "0.1.0"
