internal import LogsClient

/// `logs complete`: seals a stream.
enum CompleteCommand: Command {
  static let name = "complete"
  static let synopsis = "STREAM"
  static let summary = "seal a stream: its followers end, and nothing can be appended any more"
  static let details = "Appends a last entry of kind complete. Followers of the stream end; later appends are refused."
  static let options = [Option("text", form: "TEXT", "the last entry's message, at most 1,024 bytes")]

  static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw CommandError.usage("complete needs one stream; see logs help complete")
    }
    let stream = try StreamName(arguments.operands[0])
    let client = try ConnectionOptions.client(arguments, patience: .seconds(5))
    let receipt = try await client.complete(stream, text: arguments.value("text") ?? "")
    await client.shutdown(deadline: .seconds(1))
    Terminal.note("stream \(stream) is complete at sequence number \(receipt.sequences.upperBound)")
    return ExitCode.done
  }
}
