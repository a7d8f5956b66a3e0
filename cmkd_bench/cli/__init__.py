"""The command line: one file per command or group of commands; nothing heavy is imported before a command needs it."""
