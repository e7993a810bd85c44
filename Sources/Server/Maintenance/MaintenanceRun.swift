internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// Why a command that works on the files of a store has failed.
struct MaintenanceFailure: Error {
  let text: String
  /// The exit code.
  let code: Int32

  init(_ text: String, code: Int32) {
    self.text = text
    self.code = code
  }

  init(_ error: StoreError) { self.init(error.description, code: 1) }

  static func usage(_ text: String, _ command: String) -> MaintenanceFailure {
    MaintenanceFailure("\(text); see logsd \(command) --help", code: 2)
  }
}

/// What `check`, `backup`, `restore` and `repair` share.
struct MaintenanceRun {
  private let command: String

  init(_ command: String) { self.command = command }

  /// - Returns: the exit code.
  func run(_ body: () throws(MaintenanceFailure) -> Int32) -> Int32 {
    do throws(MaintenanceFailure) { return try body() } catch {
      Output.write("logsd \(command): \(PrintableText.escaped(error.text))", to: STDERR_FILENO)
      return error.code
    }
  }

  /// - Returns: nil if it was only the help that was wanted, which has been printed.
  static func arguments(
    _ words: [String], _ options: [Option], _ command: String, _ help: String
  ) throws(MaintenanceFailure) -> Arguments? {
    let arguments: Arguments
    do { arguments = try Arguments(words, options: options, help: "logsd \(command) --help") } catch {
      throw MaintenanceFailure(error.description, code: 2)
    }
    if arguments.has("help") || arguments.operands.first == "help" {
      Output.write(help, to: STDOUT_FILENO)
      return nil
    }
    return arguments
  }

  /// As many operands as there are names.
  static func operands(
    _ arguments: Arguments, _ names: [String], _ command: String
  ) throws(MaintenanceFailure) -> [String] {
    guard arguments.operands.count == names.count else {
      let given = arguments.operands.isEmpty ? "" : ", not \(arguments.operands.joined(separator: " "))"
      throw .usage("write logsd \(command) \(names.joined(separator: " "))\(given)", command)
    }
    for operand in arguments.operands where operand.isEmpty { throw .usage("a directory has no name", command) }
    return arguments.operands
  }
}

/// Findings on stdout, and what is said of them on stderr.
struct FindingOutput {
  let isJSON: Bool

  static func isJSON(_ arguments: Arguments, _ command: String) throws(MaintenanceFailure) -> Bool {
    switch arguments.value("output") ?? "text" {
    case "json": return true
    case "text": return false
    case let form: throw .usage("--output is one of text, json, not '\(form)'", command)
    }
  }

  func write(_ finding: Finding) {
    guard isJSON else {
      let text = "\(finding.kind.rawValue) \(finding.file): \(finding.text)"
      return Output.write(PrintableText.escaped(text), to: STDOUT_FILENO)
    }
    var json = JSONWriter()
    json.object { json in
      json.key("kind")
      json.string(finding.kind.rawValue)
      json.key("file")
      json.string(finding.file)
      if let stream = finding.stream {
        json.key("stream")
        json.string(stream.text)
      }
      if let numbers = finding.numbers {
        json.key("first")
        json.number(numbers.lowerBound)
        json.key("last")
        json.number(numbers.upperBound)
      }
      json.key("text")
      json.string(finding.text)
    }
    Output.write(String(decoding: json.bytes, as: UTF8.self), to: STDOUT_FILENO)
  }

  func say(_ text: String) { Output.write(PrintableText.escaped(text), to: STDERR_FILENO) }
}
