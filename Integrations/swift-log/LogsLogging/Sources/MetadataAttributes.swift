internal import Logging
internal import LogsClient

/// Metadata as attributes: strings stay strings, values that describe themselves become their descriptions,
/// dictionaries become maps, and arrays become lists.
///
/// Ordered by key: a dictionary's own order differs from process to process, and with a fixed order entries share their
/// keys in a batch.
struct MetadataAttributes {
  let attributes: [LogAttribute]

  init(_ metadata: Logger.Metadata) { attributes = Self.attributes(metadata) }

  private static func attributes(_ metadata: Logger.Metadata) -> [LogAttribute] {
    metadata.map { LogAttribute($0.key, value($0.value)) }.sorted { $0.key < $1.key }
  }

  private static func value(_ value: Logger.MetadataValue) -> AttributeValue {
    switch value {
    case .string(let text): .string(text)
    case .stringConvertible(let described): .string(described.description)
    case .dictionary(let members): .map(attributes(members))
    case .array(let values): .list(values.map(Self.value))
    }
  }
}
