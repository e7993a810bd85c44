import Glibc

exit(await FaultProducer.run(Array(CommandLine.arguments.dropFirst())))
