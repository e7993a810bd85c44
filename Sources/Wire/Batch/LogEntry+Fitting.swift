extension LogEntry {
  /// The attribute that counts those that `fitted` has left out.
  package static let truncatedAttributesKey = "logs.truncated_attributes"

  /// As much as a batch can hold of an entry that it refuses with `InvalidEntry`. An entry that it accepts is
  /// unchanged.
  ///
  /// For log entries, which nobody can correct: losing the message because of an attribute would be worse than losing
  /// the attribute. An attribute that does not fit is left out whole, later ones are kept if there is room, and the
  /// attribute `logs.truncated_attributes` says how many are missing.
  /// - Complexity: encodes the attributes twice. Meant only for entries that were refused.
  package func fitted() -> LogEntry {
    var fitted = self
    var room = AttributeRoom()
    if message.count > Limits.messageByteCountMax {
      // The builder sets this attribute itself when it cuts the message.
      fitted.attributes.removeAll { $0.key == BatchBuilder.truncatedKey }
      room.reserve(BatchBuilder.truncatedKey)
    }
    let wanted = fitted.attributes
    let roomForMarked = room
    fitted.attributes = wanted.filter { room.take($0) }
    if fitted.attributes.count == wanted.count { return fitted }

    room = roomForMarked
    room.reserve(Self.truncatedAttributesKey)
    var missingCount: Int64 = 0
    fitted.attributes = []
    for attribute in wanted {
      if attribute.key == Self.truncatedAttributesKey, case .integer(let count) = attribute.value {
        // A forwarded entry may have been cut before.
        missingCount &+= count
      } else if room.take(attribute) {
        fitted.attributes.append(attribute)
      } else {
        missingCount &+= 1
      }
    }
    fitted.attributes.append(LogAttribute(Self.truncatedAttributesKey, .integer(missingCount)))
    return fitted
  }
}

/// What remains of the limits on one entry's attributes.
private struct AttributeRoom {
  private var valueCount = Limits.attributeCountMax
  private var byteCount = Limits.attributesByteCountMax
  private var keys: Set<ByteString> = []

  /// An integer's tag and its longest form.
  private static let integerByteCountMax = 11
  private static let keyLengthByteCountMax = 2

  /// Reserves room for an integer under `key`, which no other attribute may use.
  mutating func reserve(_ key: String) {
    keys.insert(ByteString(key))
    valueCount -= 1
    byteCount -= Self.keyLengthByteCountMax + key.utf8.count + Self.integerByteCountMax
  }

  /// Takes room for an attribute.
  ///
  /// - Returns: false, taking nothing, if there is no room or no entry could hold it.
  mutating func take(_ attribute: LogAttribute) -> Bool {
    guard !AttributeRows.isTooDeep([attribute]) else { return false }
    var keyRow = ByteWriter()
    var valueRow = ByteWriter()
    AttributeRows.write(keysOf: [attribute], into: &keyRow)
    AttributeRows.write(valuesOf: [attribute], into: &valueRow)
    let takenByteCount = keyRow.count + valueRow.count
    let takenValueCount: Int
    do {
      _ = try AttributeRows.check(keys: keyRow.span)
      takenValueCount = try AttributeRows.check(values: valueRow.span, count: 1)
    } catch { return false }
    guard takenValueCount <= valueCount, takenByteCount <= byteCount else { return false }
    guard keys.insert(ByteString(attribute.key)).inserted else { return false }
    valueCount -= takenValueCount
    byteCount -= takenByteCount
    return true
  }
}
