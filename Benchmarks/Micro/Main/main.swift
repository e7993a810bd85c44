import Glibc
import LogsBenchmarks

/// `make bench`: measures small operations, and fails when one allocates more than it may.
///
/// - Parameter arguments: `-o json`, and words of which a benchmark's name must hold one.
func measure(_ arguments: [String]) async throws -> Bool {
  var words = arguments
  var wantsJSON = false
  if let index = words.firstIndex(of: "-o") {
    guard index + 1 < words.count, ["json", "table"].contains(words[index + 1]) else {
      throw Usage("-o takes table or json")
    }
    wantsJSON = words[index + 1] == "json"
    words.removeSubrange(index...index + 1)
  }
  let benchmarks = (Benchmark.wire + Benchmark.filters + Benchmark.store + Benchmark.fanOut).filter { benchmark in
    words.isEmpty || words.contains { benchmark.name.contains($0) }
  }
  guard !benchmarks.isEmpty else { throw Usage("no benchmark is called like that") }
  var report = BenchmarkReport()
  if !wantsJSON { write(BenchmarkReport.heading) }
  for benchmark in benchmarks {
    let measurement = try await benchmark.measure()
    report.append(measurement)
    if !wantsJSON { write(BenchmarkReport.line(measurement)) }
  }
  if wantsJSON { write(report.json) }
  return !report.measurements.contains(where: \.exceedsLimit)
}

struct Usage: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The `stdout` of C is a variable, which Swift refuses; what `print` writes would wait in its buffer when piped.
func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
  let bytes = Array("\(text)\n".utf8)
  var written = 0
  while written < bytes.count {
    let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return }
    written += count
  }
}

do {
  exit(try await measure(Array(CommandLine.arguments.dropFirst())) ? 0 : 1)
} catch {
  write("microbench: \(error)", to: STDERR_FILENO)
  exit(error is Usage ? 2 : 1)
}
