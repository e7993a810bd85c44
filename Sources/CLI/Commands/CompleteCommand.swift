internal import LogsClient
internal import LogsText

/// `logs complete`: seals a stream.
enum CompleteCommand {
  static let command = Command(
    name: "complete", synopsis: "STREAM",
    summary: "seal a stream: its followers end, and nothing more can be appended",
    details: "Appends a last entry, of kind complete. Followers of the stream end, and later appends are refused.",
    options: options, run: run)

  private static let options = [Option("text", form: "TEXT", help: "the last entry's message, at most 1,024 bytes")]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw CommandError.usage("complete needs one stream; see logs help complete")
    }
    let stream = try StreamName(arguments.operands[0])
    let text = arguments.value("text") ?? ""
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let watch = ProgressWatch(client, patience: patience) { ProgressWatch.Progress() }
    let receipt = try await watch.run { try await client.complete(stream, text: text) }
    await client.shutdown(deadline: .seconds(1))
    Terminal.note("stream \(stream) is complete at sequence number \(receipt.sequences.upperBound)")
    return ExitCode.done
  }
}
