internal import Glibc
internal import LogsCLI

Interruption.prepare()
exit(await CommandLineTool.run())
