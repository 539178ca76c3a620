"""Python runs this in every process that has this folder on its path: it arms the workers that are to die."""

from faults.moments import from_environment

from_environment()
