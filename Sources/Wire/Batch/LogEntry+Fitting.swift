extension LogEntry {
  /// What counts the attributes that `fitted` has left out.
  package static let truncatedAttributesKey = "logs.truncated_attributes"

  /// What a batch can hold of an entry that it refuses with `InvalidEntry`; an entry that it accepts stays as it is.
  ///
  /// For entries of a log, which nobody looks after: losing the message for the sake of an attribute would be worse than losing
  /// the attribute. An attribute that cannot be held is left out whole, whatever comes behind it stays where there is room, and
  /// the attribute `logs.truncated_attributes` tells how many are missing.
  /// - Complexity: encodes the attributes twice. Meant for the entry that was refused, not for each one.
  package func fitted() -> LogEntry {
    var fitted = self
    var room = AttributeRoom()
    if message.count > Limits.messageByteCountMax {
      // The builder sets this mark itself when it cuts the message.
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
        // An entry that is passed on may have been cut before.
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

/// What is left of the limits on one entry's attributes.
private struct AttributeRoom {
  private var valueCount = Limits.attributeCountMax
  private var byteCount = Limits.attributesByteCountMax
  private var keys: Set<ByteString> = []

  /// An integer's tag and its longest form.
  private static let integerByteCountMax = 11
  private static let keyLengthByteCountMax = 2

  /// Keeps room for an integer under `key`, which no other attribute may have.
  mutating func reserve(_ key: String) {
    keys.insert(ByteString(key))
    valueCount -= 1
    byteCount -= Self.keyLengthByteCountMax + key.utf8.count + Self.integerByteCountMax
  }

  /// Takes the room for an attribute.
  ///
  /// - Returns: false, and nothing is taken, when there is none or no entry at all could hold it.
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
