internal import Glibc
internal import LogsServer

exit(await Daemon.run(arguments: Array(CommandLine.arguments.dropFirst())))
