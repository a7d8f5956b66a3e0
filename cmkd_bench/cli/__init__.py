"""The command line: one file per command or group of commands. Heavy imports wait until a command needs them."""
