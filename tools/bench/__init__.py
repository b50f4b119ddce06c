"""How long a study takes over a WAN: our nodes beside what hospitals have today, over the same link in the same run.

    python -m tools.bench --rate 200 --rtt 80 --loss 0 --data FOLDER [--runs 3] [--only NAME...] [--plot FILE] --json
    python -m tools.bench --standard [--data FOLDER...] [--write]

Everybody runs once a round, and each round begins with another one, so that a busy machine is everybody's. Peers run
with TCP_NODELAY=1, for a win over a stalled peer is no win; our nodes keep nothing of earlier rounds. What arrives is
compared with what was sent, and a competitor that changes or loses an image has no time.
"""
