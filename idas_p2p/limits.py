"""Every number of the protocol and every bound of ours, with its unit, source and owner.

Belongs here: numbers that two rooms share or a peer can see. A number only one module uses may live there.
"""

from __future__ import annotations

from typing import Final

# Secure channel, docs/spec/transport.md
MAX_MESSAGE_SIZE: Final = 1_048_576 + 65_536  # bytes of one channel message; a chunk of 1 MiB and its header
HANDSHAKE_TIMEOUT: Final = 10.0  # seconds for all three messages; ours
DIAL_TIMEOUT: Final = 10.0  # seconds for TCP connect and handshake; ours
MAX_CHANNELS: Final = 512  # open at once on one node; ours: caps memory
MAX_CHANNELS_PER_PEER: Final = 64  # of them with one node; ours: no member shuts out the others
MAX_HALF_OPEN: Final = 128  # handshakes under way at once; ours: caps the work strangers can cause
MAX_HALF_OPEN_PER_HOST: Final = 32  # of them from one IPv4 address or IPv6 network of 64 bits; ours

# Directory, docs/spec/directory.md
MAX_DATAGRAM_SIZE: Final = 1_280  # bytes; the smallest IPv6 MTU, RFC 8200 section 5, without headers counted by us
MAX_RECORD_SIZE: Final = 1_000  # bytes; protocol
RECORD_LIFETIME: Final = 3 * 86_400.0  # seconds from signing to expiry; protocol, docs/decisions/record-lifetime.md
REPUBLISH_INTERVAL: Final = 86_400.0  # seconds between publications of the same record; ours, a third of its life
BLIND_PERIOD: Final = 7 * 86_400  # seconds; a federation's parameter, this is its default
MAX_CLOCK_SKEW: Final = 120.0  # seconds tolerated between two nodes' clocks; protocol
DIRECTORY_K: Final = 8  # contacts in a bucket, and nodes that end a lookup; protocol
DIRECTORY_REPLICAS: Final = 12  # nodes that hold each record; protocol, docs/decisions/twelve-replicas.md
DIRECTORY_ALPHA: Final = 5  # questions of one lookup for nodes under way at once; ours
MAX_CONTACTS_PER_REPLY: Final = 20  # protocol; as many of IPv6 as fit a datagram, docs/decisions/lookups.md
READ_QUORUM: Final = 3  # holders whose records are merged before a read returns; ours
MAX_RECORDS_PER_DATAGRAM: Final = 16  # protocol; the size of a datagram is the narrower bound
MAX_SLOTS_PER_KEY: Final = 512  # writers at one key; ours: a reader fetches a few hundred datagrams at most
MAX_BYTES_PER_KEY: Final = 262_144  # bytes at one key; ours
MAX_KEYS_PER_WRITER: Final = 64  # keys at which one writer key may have a slot; ours, honest writers use one
MAX_STORED_RECORDS: Final = 1_000_000  # held for others by one node; ours: about 850 MB of memory
MAX_STORED_BYTES: Final = 536_870_912  # bytes of records held for others; ours
BLOCK_SHARE: Final = 0.5  # of the two bounds above that one public address block (/24, /48) may fill; ours
MAX_SESSIONS: Final = 4_096  # datagram sessions of one node; ours: about 4 MB
MAX_SESSIONS_PER_BLOCK: Final = 64  # of them with one public address block; ours
MAX_SESSIONS_PER_HOST: Final = 2_048  # of them with one private address, where many nodes may share it; ours
WORK_RATE: Final = 2_500.0  # units of work a second that one address block may cause; protocol: writers keep below it
WORK_BURST: Final = 10_000.0  # units it may cause at once; protocol. A unit is about 0.1 ms of a core
WORK_HANDSHAKE: Final = 4.0  # units; protocol
WORK_REQUEST: Final = 1.0  # units; protocol
WORK_RECORD: Final = 3.0  # units for each record of a store request, beside the request; protocol
SESSION_LIFETIME: Final = 3_600.0  # seconds until a datagram session gets new keys; protocol

# Exchange, docs/spec/exchange.md
CHUNK_SIZE: Final = 1_048_576  # bytes of a data set carried by one message, before coding; protocol
FIND_TIMEOUT: Final = 10.0  # seconds a holder may take for one query; ours
MAX_HITS: Final = 10_000  # studies in the answer of one holder; protocol
TICKET_LIFETIME: Final = 3_600.0  # seconds; ours
MAX_INSTANCE_SIZE: Final = 4_294_967_294  # bytes; the largest even length of PS3.5 7.1.1

# DICOM
MAX_ASSOCIATIONS: Final = 64  # served at once; ours: a thread each
MEMORY_INSTANCE_SIZE: Final = 16_777_216  # bytes; an instance larger than this is kept in a file, not in memory

# DICOM associations, PS3.8
MAX_PDU_SIZE: Final = 131_072  # bytes of the variable field of a P-DATA-TF we accept; ours, the most DCMTK sends
MAX_SENT_PDU_SIZE: Final = 1_048_576  # bytes of the largest P-DATA-TF we send, whatever more a peer takes; ours
DICOM_CONNECT_TIMEOUT: Final = 5.0  # seconds for TCP connect to an archive or a workstation; ours
DICOM_ACSE_TIMEOUT: Final = 10.0  # seconds for an answer to an association request or release; ours (ARTIM)
DICOM_RESPONSE_TIMEOUT: Final = 60.0  # seconds for a DIMSE response, pending ones included; ours
DICOM_IDLE_TIMEOUT: Final = 120.0  # seconds an association may stay silent before it is aborted; ours
PENDING_INTERVAL: Final = 0.9  # seconds between pending responses of C-MOVE and C-GET; ours: at least one a second
