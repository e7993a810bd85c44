package import LogsWire

/// A command whose output is shipped.
package struct ProcessConfiguration: Sendable {
  package var name: String
  /// The program, looked for in `PATH`, and its arguments.
  package var command: [String]
  package var stream: StreamName
  package var lines = LinePipeline.Configuration()

  package init(name: String, command: [String], stream: StreamName) {
    self.name = name
    self.command = command
    self.stream = stream
  }
}
