internal import Glibc
internal import LogsCLI

exit(await CommandLineTool.run(Array(CommandLine.arguments.dropFirst())))
