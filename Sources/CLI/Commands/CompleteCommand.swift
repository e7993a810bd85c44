internal import LogsClient
internal import LogsText

/// `logs complete`: seals a stream.
enum CompleteCommand {
  static let command = Command(
    name: "complete", synopsis: "STREAM",
    summary: "seal a stream: its followers end, and nothing more can be appended",
    details: """
      Appends a last entry, of kind complete. Followers of the stream end, and later appends are refused, for good. A
      stream that does not exist is a failure (1), unless --create is given. A token that may append and not read
      cannot tell whether it exists: then the stream is sealed in either case.
      """,
    options: options, run: run)

  private static let options = [
    Option("text", form: "TEXT", help: "the last entry's message, at most 1,024 bytes"),
    Option("create", help: "also where the stream does not exist yet: it is made, and sealed"),
  ]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw CommandError.usage("complete needs one stream; see logs help complete")
    }
    let stream = try NamedStream.of(arguments.operands[0], for: "complete")
    let text = arguments.value("text") ?? ""
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let watch = ProgressWatch(client, patience: patience) { ProgressWatch.Progress() }
    let isNewAllowed = arguments.has("create")
    let receipt = try await watch.run {
      if !isNewAllowed { try await checkExistence(of: stream, client) }
      return try await client.complete(stream, text: text)
    }
    await client.shutdown(deadline: .seconds(1))
    let number = receipt.sequences.upperBound
    Terminal.note("stream \(stream) is complete at sequence number \(number)\(number == 1 ? ", its only entry" : "")")
    return ExitCode.done
  }

  /// A misspelled name would be another stream, sealed for good.
  private static func checkExistence(of stream: StreamName, _ client: LogClient) async throws {
    let missing: [StreamName]
    do { missing = try await client.missing(of: [.stream(stream)]) } catch {
      // Who may only append gets no answer.
      if error.code == .refused(.forbidden) { return }
      throw error
    }
    guard !missing.isEmpty else { return }
    let sentence = try await MissingStreams(missing, client).absent
    throw CommandError("\(sentence)\(sentence.hasSuffix("?") ? " Or" : ", or") add --create to make it, sealed")
  }
}
