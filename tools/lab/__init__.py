"""A laboratory on one machine: hospitals as network namespaces, and WAN links of given rate, delay and loss.

    with Lab() as lab:
        anna, berg = lab.site("anna"), lab.site("berg")
        lab.connect(anna, berg, wan=Wan(rate=200e6, rtt=0.080))
        lab.run(anna, ["ping", "-c", "1", berg.address])

Needs root, iproute2 and /dev/net/tun; `why_not` tells what is missing. The kernel needs no netem: each link is a pair
of TUN devices with a small program between them (link.c, or link.py where there is no compiler).
"""

from tools.lab.namespaces import Lab, Site, why_not
from tools.lab.wan import Wan

__all__ = ["Lab", "Site", "Wan", "why_not"]
