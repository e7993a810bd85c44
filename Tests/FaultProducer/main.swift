import Glibc

let code = await FaultProducer.run(Array(CommandLine.arguments.dropFirst()))
// Otherwise it returns from `main`, as most programs do.
if code != 0 { exit(code) }
