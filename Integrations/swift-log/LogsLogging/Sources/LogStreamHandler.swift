public import Logging
public import LogsClient

/// A swift-log handler that sends log entries to a stream.
///
/// The label becomes the entry's source, the level its severity, and metadata its attributes in the order of their
/// keys. For the same key the metadata of the call wins over the provider's, and the provider's over the handler's, as
/// in swift-log. An error passed to the call becomes `error.message` and `error.type`, even if metadata has those
/// names.
///
/// A value: changing the level or metadata of a copy changes nothing elsewhere. Only the sink is shared. Logging never
/// throws and never waits; the producer counts streaming failures.
///
/// ```swift
/// let outlet = LogOutlet()
/// LoggingSystem.bootstrap(
///   { label, provider in
///     MultiplexLogHandler([
///       StreamLogHandler.standardError(label: label, metadataProvider: provider),
///       LogStreamHandler(label: label, to: outlet, metadataProvider: provider),
///     ])
///   }, metadataProvider: nil)
/// ```
public struct LogStreamHandler: LogHandler {
  public var logLevel: Logger.Level = .info
  public var metadataProvider: Logger.MetadataProvider?
  public var metadata: Logger.Metadata = [:] { didSet { attributes = MetadataAttributes(metadata).attributes } }

  /// `metadata` as attributes, so that a call without metadata of its own need not convert it.
  private var attributes: [LogAttribute] = []
  private let source: ByteString
  private let sink: any LogSink
  private let addsCodeLocation: Bool

  /// - Parameters:
  ///   - label: the logger's label, which becomes the source of entries; cut to 255 bytes.
  ///   - sink: a `LogOutlet`, or a producer that exists already.
  ///   - metadataProvider: the one passed to the bootstrap's factory.
  ///   - addsCodeLocation: whether each entry gets the attributes `code.file.path`, `code.function.name` and
  ///     `code.line.number` of the call, where the metadata has no value under these keys.
  public init(
    label: String, to sink: any LogSink, metadataProvider: Logger.MetadataProvider? = nil,
    addsCodeLocation: Bool = false
  ) {
    source = ByteString(label)
    self.sink = sink
    self.metadataProvider = metadataProvider
    self.addsCodeLocation = addsCodeLocation
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var entry = LogEntry(
      message: ByteString(event.message.description), severity: LogSeverity(event.level), source: source,
      attributes: attributes(of: event))
    if addsCodeLocation { entry.addCodeLocation(event) }
    // The sink takes the time, so it comes next.
    sink.log(entry)
  }

  private func attributes(of event: LogEvent) -> [LogAttribute] {
    let provided = metadataProvider?.get() ?? [:]
    let explicit = event.metadata ?? [:]
    if provided.isEmpty, explicit.isEmpty, event.error == nil { return attributes }
    var merged = metadata
    merged.merge(provided) { _, provided in provided }
    merged.merge(explicit) { _, explicit in explicit }
    if let error = event.error {
      merged["error.message"] = "\(error)"
      merged["error.type"] = "\(String(reflecting: type(of: error)))"
    }
    return MetadataAttributes(merged).attributes
  }
}

extension LogSeverity {
  /// OpenTelemetry's number for swift-log's level.
  init(_ level: Logger.Level) {
    switch level {
    case .trace: self = .trace
    case .debug: self = .debug
    case .info: self = .info
    case .notice: self = .notice
    case .warning: self = .warning
    case .error: self = .error
    case .critical: self = .critical
    }
  }
}

extension LogEntry {
  fileprivate mutating func addCodeLocation(_ event: LogEvent) {
    let location = [
      LogAttribute("code.file.path", .string(event.file)), LogAttribute("code.function.name", .string(event.function)),
      LogAttribute("code.line.number", .integer(Int64(clamping: event.line))),
    ]
    for attribute in location where !attributes.contains(where: { $0.key == attribute.key }) {
      attributes.append(attribute)
    }
  }
}
