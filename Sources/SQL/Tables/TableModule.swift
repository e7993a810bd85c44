internal import CSQLite
internal import LogsWire

/// SQLite's functions for virtual tables, carried out by `VirtualTable` and `TableCursor`.
///
/// SQLite owns three structures that begin with its own and go on with ours; each holds an object until SQLite is done
/// with it. The tables are eponymous: they are there by their names, and nobody creates one.
///
/// Invariant behind `@unchecked Sendable`: nothing changes what it points to.
@safe final class TableModule: @unchecked Sendable {
  /// SQLite reads it for as long as the connection is open.
  private let module: UnsafeMutablePointer<sqlite3_module>

  @safe private struct Table {
    var base = unsafe sqlite3_vtab()
    var table: Unmanaged<Box<any VirtualTable>>
  }

  @safe private struct Cursor {
    var base = unsafe sqlite3_vtab_cursor()
    var cursor: Unmanaged<Box<any TableCursor>>
  }

  private final class Box<Value> {
    let value: Value
    init(_ value: Value) { self.value = value }
  }

  init() {
    unsafe module = .allocate(capacity: 1)
    unsafe module.initialize(to: Self.functions)
  }

  deinit { unsafe module.deallocate() }

  /// Makes a table known to a connection.
  ///
  /// - Returns: SQLite's result code.
  func register(_ table: any VirtualTable, on connection: OpaquePointer) -> Int32 {
    let box = unsafe Unmanaged.passRetained(Box(table))
    return unsafe sqlite3_create_module_v2(connection, table.name, module, box.toOpaque()) { context in
      guard let context = unsafe context else { return }
      unsafe Unmanaged<Box<any VirtualTable>>.fromOpaque(context).release()
    }
  }

  private static var functions: sqlite3_module {
    var functions = sqlite3_module()
    // Without xCreate there are no tables but the one of the module's own name.
    unsafe functions.xConnect = { connection, context, _, _, table, message in
      unsafe TableModule.connect(connection, context, table, message)
    }
    unsafe functions.xDisconnect = { table in unsafe TableModule.disconnect(table) }
    unsafe functions.xBestIndex = { table, info in unsafe TableModule.plan(table, info) }
    unsafe functions.xOpen = { table, cursor in unsafe TableModule.open(table, cursor) }
    unsafe functions.xClose = { cursor in unsafe TableModule.close(cursor) }
    unsafe functions.xFilter = { cursor, number, text, count, values in
      unsafe TableModule.filter(cursor, number, text, count, values)
    }
    unsafe functions.xNext = { cursor in
      unsafe TableModule.attempt(cursor) { cursor throws(SQLFailure) in try cursor.next() }
    }
    unsafe functions.xEof = { cursor in unsafe TableModule.cursor(cursor).isAtEnd ? 1 : 0 }
    unsafe functions.xColumn = { cursor, context, column in
      unsafe TableModule.attempt(cursor) { cursor throws(SQLFailure) in
        try cursor.write(column: Int(column), to: unsafe ColumnResult(context))
      }
    }
    unsafe functions.xRowid = { cursor, row in
      unsafe TableModule.attempt(cursor) { cursor throws(SQLFailure) in
        let id = try cursor.rowID()
        unsafe row?.pointee = id
      }
    }
    unsafe functions.xFindFunction = { table, count, name, function, context in
      unsafe TableModule.find(table, count, name, function, context)
    }
    return functions
  }

  /// MATCH, where no search carries it out: behind OR and NOT.
  private static func find(
    _ table: UnsafeMutablePointer<sqlite3_vtab>?, _ count: Int32, _ name: UnsafePointer<CChar>?,
    _ function: UnsafeMutablePointer<
      (@convention(c) (OpaquePointer?, Int32, UnsafeMutablePointer<OpaquePointer?>?) -> Void)?
    >?, _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Int32 {
    guard let table = unsafe table, count == 2, let name = unsafe name, unsafe String(cString: name) == "match" else {
      return 0
    }
    let asked = unsafe UnsafeMutableRawPointer(table).assumingMemoryBound(to: Table.self).pointee.table
    unsafe context?.pointee = asked.toOpaque()
    unsafe function?.pointee = { context, _, values in unsafe TableModule.match(context, values) }
    return 1
  }

  /// `match(pattern, row)` is `row MATCH pattern`.
  private static func match(_ context: OpaquePointer?, _ values: UnsafeMutablePointer<OpaquePointer?>?) {
    let result = unsafe ColumnResult(context)
    guard let table = unsafe sqlite3_user_data(context), let values = unsafe values else { return }
    let pattern = unsafe SQLValue(values[0])
    // What is compared with NULL is NULL.
    if pattern == .null { return }
    let asked = unsafe Unmanaged<Box<any VirtualTable>>.fromOpaque(table).takeUnretainedValue().value
    guard let row = unsafe ColumnResult.row(values[1]) else {
      return result.fail(
        "on the left of MATCH stands the name of the table, like entries MATCH 'timeout'", code: SQLITE_ERROR)
    }
    do throws(SQLFailure) {
      result.set(try asked.matches(row, pattern) ? 1 : 0)
    } catch {
      result.fail(error.description, code: code(of: error))
    }
  }

  private static func connect(
    _ connection: OpaquePointer?, _ context: UnsafeMutableRawPointer?,
    _ table: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab>?>?,
    _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  ) -> Int32 {
    guard let context = unsafe context, let table = unsafe table else { return SQLITE_MISUSE }
    let box = unsafe Unmanaged<Box<any VirtualTable>>.fromOpaque(context)
    let code = unsafe sqlite3_declare_vtab(connection, box.takeUnretainedValue().value.declaration)
    guard code == SQLITE_OK else {
      unsafe message?.pointee = copy(String(cString: sqlite3_errmsg(connection)))
      return code
    }
    let made = UnsafeMutablePointer<Table>.allocate(capacity: 1)
    unsafe made.initialize(to: Table(table: box.retain()))
    unsafe table.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab.self)
    return SQLITE_OK
  }

  private static func disconnect(_ table: UnsafeMutablePointer<sqlite3_vtab>?) -> Int32 {
    guard let table = unsafe table else { return SQLITE_MISUSE }
    let made = unsafe UnsafeMutableRawPointer(table).assumingMemoryBound(to: Table.self)
    unsafe made.pointee.table.release()
    unsafe made.deallocate()
    return SQLITE_OK
  }

  private static func open(
    _ table: UnsafeMutablePointer<sqlite3_vtab>?,
    _ cursor: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab_cursor>?>?
  ) -> Int32 {
    guard let table = unsafe table, let cursor = unsafe cursor else { return SQLITE_MISUSE }
    let found = unsafe UnsafeMutableRawPointer(table).assumingMemoryBound(to: Table.self).pointee.table
    let made = UnsafeMutablePointer<Cursor>.allocate(capacity: 1)
    unsafe made.initialize(to: Cursor(cursor: .passRetained(Box(found.takeUnretainedValue().value.cursor()))))
    unsafe cursor.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab_cursor.self)
    return SQLITE_OK
  }

  private static func close(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
    guard let cursor = unsafe cursor else { return SQLITE_MISUSE }
    let made = unsafe UnsafeMutableRawPointer(cursor).assumingMemoryBound(to: Cursor.self)
    unsafe made.pointee.cursor.release()
    unsafe made.deallocate()
    return SQLITE_OK
  }

  private static func cursor(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> any TableCursor {
    guard let cursor = unsafe cursor else { preconditionFailure("SQLite names the cursor that it asks") }
    return unsafe UnsafeMutableRawPointer(cursor).assumingMemoryBound(to: Cursor.self).pointee.cursor
      .takeUnretainedValue().value
  }

  /// Does something with a cursor; a failure's words become SQLite's message.
  private static func attempt(
    _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ body: (any TableCursor) throws(SQLFailure) -> Void
  ) -> Int32 {
    do throws(SQLFailure) {
      try body(unsafe self.cursor(cursor))
      return SQLITE_OK
    } catch {
      if let table = unsafe cursor?.pointee.pVtab {
        unsafe sqlite3_free(table.pointee.zErrMsg)
        unsafe table.pointee.zErrMsg = copy(error.description)
      }
      return code(of: error)
    }
  }

  /// SQLite's code for a failure, by which its kind is known again.
  static func code(of failure: SQLFailure) -> Int32 {
    switch failure.kind {
    case .query: SQLITE_ERROR
    case .limit: SQLITE_TOOBIG
    case .store: SQLITE_IOERR
    }
  }

  /// Text in memory that SQLite frees; nil without memory.
  static func copy(_ text: String) -> UnsafeMutablePointer<CChar>? {
    let bytes = Array(text.utf8) + [0]
    guard let memory = unsafe sqlite3_malloc64(UInt64(bytes.count)) else { return nil }
    unsafe memory.copyMemory(from: bytes, byteCount: bytes.count)
    return unsafe memory.assumingMemoryBound(to: CChar.self)
  }

  // MARK: plans

  private static let operations: [Int32: TableCondition.Operation] = [
    SQLITE_INDEX_CONSTRAINT_EQ: .equal, SQLITE_INDEX_CONSTRAINT_GT: .above, SQLITE_INDEX_CONSTRAINT_GE: .atLeast,
    SQLITE_INDEX_CONSTRAINT_LT: .below, SQLITE_INDEX_CONSTRAINT_LE: .atMost, SQLITE_INDEX_CONSTRAINT_GLOB: .glob,
    SQLITE_INDEX_CONSTRAINT_LIKE: .like, SQLITE_INDEX_CONSTRAINT_MATCH: .match,
  ]

  private static func plan(
    _ table: UnsafeMutablePointer<sqlite3_vtab>?, _ info: UnsafeMutablePointer<sqlite3_index_info>?
  ) -> Int32 {
    guard let table = unsafe table, let info = unsafe info else { return SQLITE_MISUSE }
    var question = TableQuestion(conditions: [], order: [], columns: unsafe info.pointee.colUsed)
    // The index that SQLite knows each condition by.
    var places: [Int] = []
    for place in 0..<Int(unsafe info.pointee.nConstraint) {
      let constraint = unsafe info.pointee.aConstraint[place]
      guard let operation = operations[Int32(constraint.op)], constraint.iColumn >= 0 else { continue }
      let collation = unsafe sqlite3_vtab_collation(info, Int32(place)).map { unsafe String(cString: $0) }
      question.conditions.append(
        TableCondition(
          column: Int(constraint.iColumn), operation: operation, isUsable: constraint.usable != 0,
          isBinary: collation?.uppercased() == "BINARY"))
      places.append(place)
    }
    for place in 0..<Int(unsafe info.pointee.nOrderBy) {
      let term = unsafe info.pointee.aOrderBy[place]
      question.order.append(.init(column: Int(term.iColumn), isDescending: term.desc != 0))
    }
    let asked = unsafe UnsafeMutableRawPointer(table).assumingMemoryBound(to: Table.self).pointee.table
    guard let plan = unsafe asked.takeUnretainedValue().value.plan(question) else { return SQLITE_CONSTRAINT }
    var text = ""
    for (argument, index) in plan.used.enumerated() {
      let condition = question.conditions[index]
      unsafe info.pointee.aConstraintUsage[places[index]].argvIndex = Int32(argument + 1)
      unsafe info.pointee.aConstraintUsage[places[index]].omit = plan.settled.contains(index) ? 1 : 0
      text += "\(condition.column) \(condition.operation.rawValue) \(condition.isBinary ? 1 : 0);"
    }
    unsafe info.pointee.idxNum = plan.isReverse ? 1 : 0
    unsafe info.pointee.idxStr = copy("\(question.columns);\(text)")
    unsafe info.pointee.needToFreeIdxStr = 1
    unsafe info.pointee.orderByConsumed = plan.isOrdered ? 1 : 0
    unsafe info.pointee.estimatedCost = plan.cost
    unsafe info.pointee.estimatedRows = plan.rowCount
    return SQLITE_OK
  }

  private static func filter(
    _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ number: Int32, _ text: UnsafePointer<CChar>?,
    _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?
  ) -> Int32 {
    var parts = unsafe text.map { unsafe String(cString: $0) }?.split(separator: ";")[...] ?? []
    let columns = parts.popFirst().flatMap { UInt64($0) } ?? .max
    var search = TableSearch(terms: [], isReverse: number == 1, columns: columns)
    for (index, part) in parts.enumerated() where index < count {
      let numbers = part.split(separator: " ").compactMap { Int($0) }
      guard numbers.count == 3, let operation = TableCondition.Operation(rawValue: UInt8(numbers[1])) else {
        return SQLITE_INTERNAL
      }
      let condition = TableCondition(column: numbers[0], operation: operation, isBinary: numbers[2] == 1)
      search.terms.append((condition, unsafe SQLValue(values?[index])))
    }
    return unsafe attempt(cursor) { cursor throws(SQLFailure) in try cursor.begin(search) }
  }
}
