"""The hospital side: DICOM services, query matching, data set scanning."""

from idas_p2p.dicom.silence import silence

silence()
