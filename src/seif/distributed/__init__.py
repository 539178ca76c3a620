"""Training stages as groups of processes: on the devices of one machine, or of several nodes.

launch.py     the controller's side: starts a group, hears its log, ends it
worker.py     what each process of a group runs
channel.py    how the group's first process speaks to the controller
heartbeat.py  who lives, and what a process died of
nodes.py      how further nodes join a run
devices.py    how many processes a stage gets
"""
