internal import LogsDisk
internal import LogsWire

/// Passing over what a segment's index has the answer for.
extension Reader {
  /// Skips what need not be looked at from the builder's position on, and cuts `wanted` where the next such range
  /// begins.
  ///
  /// - Returns: whether anything is left to be read.
  func passOver(
    _ filter: inout FilteredRead, _ segment: Segment, _ stream: StreamInfo, _ wanted: inout ClosedRange<UInt64>,
    isReverse: Bool, _ builder: inout PieceBuilder, _ lease: ConnectionLease
  ) throws(StoreError) -> Bool {
    guard segment.state == .sealed, filter.canUseIndex else { return true }
    do throws(SQLiteError) {
      let plan = try plan(filter.shared, segment, stream, lease)
      while true {
        let from = isReverse ? wanted.upperBound : wanted.lowerBound
        guard let group = isReverse ? plan.group(downFrom: from) : plan.group(from: from) else { return true }
        let numbers = plan.groups[group].numbers
        guard numbers.contains(from) else {
          // No block has what comes first.
          if isReverse {
            wanted = max(wanted.lowerBound, numbers.upperBound + 1)...from
          } else {
            wanted = from...min(wanted.upperBound, numbers.lowerBound - 1)
          }
          return true
        }
        let blocks = try plan.blocks(of: group) { group throws(SQLiteError) in
          try judge(group, filter, segment, lease)
        }
        let end = filter.passOver(blocks, wanted, isReverse: isReverse)
        if let passed = end.passed {
          builder.skip(through: passed, .filtered)
          guard isReverse ? passed > wanted.lowerBound : passed < wanted.upperBound else { return false }
          wanted = isReverse ? wanted.lowerBound...passed - 1 : passed + 1...wanted.upperBound
        }
        if let unknown = end.unknown {
          wanted = isReverse ? unknown...wanted.upperBound : wanted.lowerBound...unknown
          return true
        }
      }
    } catch {
      // The index only saves work.
      try noteDamage(error, in: segment)
      return true
    }
  }

  private func plan(
    _ filter: SharedFilter, _ segment: Segment, _ stream: StreamInfo, _ lease: ConnectionLease
  ) throws(SQLiteError) -> BlockPlan {
    try filter.plan(SharedFilter.StreamPlace(segment: segment.version, stream: stream.id)) {
      () throws(SQLiteError) in
      BlockPlan(
        try lease.read(segment) { connection throws(SQLiteError) in
          try connection.blockIndex?.groups(of: stream.id) ?? []
        })
    }
  }

  private func judge(
    _ group: BlockGroup, _ filter: FilteredRead, _ segment: Segment, _ lease: ConnectionLease
  ) throws(SQLiteError) -> [JudgedBlock] {
    if filter.rulesOut(group) { return [JudgedBlock(numbers: group.numbers, verdict: .nothing)] }
    let shared = filter.shared
    var mayHave: BlockSet?
    if shared.need != .anything {
      mayHave = try shared.blocks(SharedFilter.SectionPlace(segment: segment.version, section: group.section)) {
        () throws(SQLiteError) in
        try lease.read(segment) { connection throws(SQLiteError) in
          try connection.blockIndex?.blocks(having: shared.need, in: group.section)
        }
      }
      if mayHave?.isEmpty == true { return [JudgedBlock(numbers: group.numbers, verdict: .nothing)] }
    }
    guard let blocks = group.blocks() else { return [JudgedBlock(numbers: group.numbers, verdict: .unknown)] }
    var judged: [JudgedBlock] = []
    var next = group.numbers.lowerBound
    for (index, block) in blocks.enumerated() {
      // Between blocks there may be numbers that are in none.
      if block.numbers.lowerBound > next {
        judged.append(JudgedBlock(numbers: next...block.numbers.lowerBound - 1, verdict: .unknown))
      }
      next = block.numbers.upperBound + 1
      let isRuledOut = mayHave.map { !$0.contains(group.firstBlock + index) } ?? false
      judged.append(
        JudgedBlock(numbers: block.numbers, verdict: isRuledOut ? .nothing : filter.verdict(of: block)))
    }
    return judged
  }
}

extension FilteredRead {
  /// How far an answer reaches from where it begins.
  struct Passed {
    /// The last number that has been answered for.
    var passed: UInt64?
    /// The last number behind it, in the same group, that has to be looked at.
    var unknown: UInt64?
  }

  /// Answers for blocks, from the beginning of `wanted` to the first that has to be looked at.
  mutating func passOver(_ blocks: [JudgedBlock], _ wanted: ClosedRange<UInt64>, isReverse: Bool) -> Passed {
    var passed = Passed()
    let start = blocks.countBefore {
      isReverse ? $0.numbers.lowerBound <= wanted.upperBound : $0.numbers.upperBound < wanted.lowerBound
    }
    var index = isReverse ? start - 1 : start
    while blocks.indices.contains(index) {
      let block = blocks[index]
      guard block.numbers.overlaps(wanted) else { break }
      let isWhole = wanted.contains(block.numbers.lowerBound) && wanted.contains(block.numbers.upperBound)
      if passed.unknown == nil, count(block, isWhole: isWhole) {
        passed.passed =
          isReverse
          ? max(block.numbers.lowerBound, wanted.lowerBound) : min(block.numbers.upperBound, wanted.upperBound)
      } else if passed.unknown == nil || !isAnswered(block, isWhole: isWhole) {
        passed.unknown =
          isReverse
          ? max(block.numbers.lowerBound, wanted.lowerBound) : min(block.numbers.upperBound, wanted.upperBound)
      } else {
        break
      }
      index += isReverse ? -1 : 1
    }
    return passed
  }
}
