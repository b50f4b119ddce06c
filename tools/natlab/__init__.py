"""The NAT laboratory: which path two nodes find to one another, for each kind of network they may sit in.

Belongs here: networks of namespaces and nftables, a study that crosses between them, the matrix. Not here: plain WAN
links (tools/lab).
"""
