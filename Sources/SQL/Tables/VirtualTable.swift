/// A table that SQLite asks for rows instead of reading them from a file.
protocol VirtualTable: AnyObject {
  var name: String { get }
  /// `CREATE TABLE` with the columns.
  var declaration: String { get }

  /// Decides which of a query's conditions narrow what is looked at. SQLite checks every row against all of them again,
  /// unless the plan says that it need not: a condition may narrow too little, never too much.
  ///
  /// - Returns: nil if the conditions cannot be met in this form.
  func plan(_ question: TableQuestion) -> TablePlan?

  func cursor() -> any TableCursor

  /// Whether a row passes MATCH, where no search has settled that.
  ///
  /// - Parameter row: what the hidden column gave.
  func matches(_ row: AnyObject, _ pattern: SQLValue) throws(SQLFailure) -> Bool
}

extension VirtualTable {
  func matches(_ row: AnyObject, _ pattern: SQLValue) throws(SQLFailure) -> Bool {
    throw SQLFailure(.query, "\(name) has no column for MATCH")
  }
}

/// What a query wants of a table.
struct TableQuestion {
  var conditions: [TableCondition]
  var order: [Order]
  /// Bit n is set if column n is read.
  var columns: UInt64

  struct Order {
    var column: Int
    var isDescending: Bool
  }
}

/// `column operation value`, where the value is known once the table is searched.
struct TableCondition: Hashable {
  enum Operation: UInt8 {
    case equal, above, atLeast, below, atMost, glob, like, match
  }

  var column: Int
  var operation: Operation
  /// False where the value depends on a table that is read later.
  var isUsable = true
  /// Whether text is compared byte by byte.
  var isBinary = true
}

/// How a table is going to be searched.
struct TablePlan {
  /// Indexes of the conditions whose values are wanted.
  var used: [Int] = []
  /// Of these, those that SQLite need not check again.
  var settled: Set<Int> = []
  /// Rows come in the order that the query asks for.
  var isOrdered = false
  var isReverse = false
  /// About how much work it is, and how many rows come.
  var cost: Double
  var rowCount: Int64
}

/// A search as it begins.
struct TableSearch {
  var terms: [(condition: TableCondition, value: SQLValue)]
  var isReverse: Bool
  var columns: UInt64
}

/// Goes through the rows of one search.
protocol TableCursor: AnyObject {
  func begin(_ search: TableSearch) throws(SQLFailure)
  func next() throws(SQLFailure)
  var isAtEnd: Bool { get }
  func write(column: Int, to result: borrowing ColumnResult) throws(SQLFailure)
  func rowID() throws(SQLFailure) -> Int64
}
