#!/bin/sh
# Builds the SDK's documentation from its sources and the articles beside them. Needs no network and no plugin.
set -eu

build=.build/debug
graphs=.build/symbol-graphs
swift build --target LogsClient
rm -rf "$graphs" .build/docs
mkdir -p "$graphs"
# The modules that wrap C name these; their types are in no public name.
includes="-I Sources/CSystem/include"
for module in CEvent CSQLite CXXHash CZstd; do includes="$includes -I Sources/$module"; done
# shellcheck disable=SC2086
swift-symbolgraph-extract -module-name LogsClient -target "$(swiftc -print-target-info | sed -n 's/.*"unversionedTriple": "\(.*\)".*/\1/p' | head -1)" \
  -I "$build/Modules" $includes -Xcc "-fmodule-map-file=$build/CSystem.build/module.modulemap" \
  -minimum-access-level public -skip-inherited-docs -experimental-allowed-reexported-modules=LogsWire \
  -output-dir "$graphs"
docc convert Sources/Client/LogsClient.docc --additional-symbol-graph-dir "$graphs" \
  --fallback-display-name LogsClient --fallback-bundle-identifier logs.LogsClient --warnings-as-errors \
  --output-path .build/docs
echo "written to .build/docs/documentation/logsclient"
