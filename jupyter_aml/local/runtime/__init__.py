"""Where a process runs: environments, mounts, zygotes, supervisors."""
