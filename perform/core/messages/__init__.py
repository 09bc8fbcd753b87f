"""Orders from the stage to its child processes, and the reports that come back: one JSON line each.

`core/lifeline.py` is the child's end of the pipes, `stage/child.py` the stage's. Each kind of child has a
file for its orders and reports; `message_lines` turns them into lines. Paths are absolute; "" means none.
"""
