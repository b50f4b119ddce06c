"""The hospital side: DICOM services, query matching, data set scanning."""
