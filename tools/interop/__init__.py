"""Which other DICOM software works with a node: each as user and as provider of each service, as real processes."""
