"""The local platform: sets up its tools, builds the services, runs and shows the whole shop on one machine.

Read `cli` for the commands, `stack` for how a platform comes up, `programs` for what it consists of.
Modules imported before the virtual environment exists (`cli`, `workspace`, `facts`, `console`, `toolbox`) use nothing but the
standard library.
"""
