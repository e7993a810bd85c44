#include "web_files.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

// The compiler puts the files into the program, and builds it anew when one has changed.

static const unsigned char index_html[] = {
#embed "../Server/Web/index.html"
};
static const unsigned char icon_svg[] = {
#embed "../Server/Web/icon.svg"
};
static const unsigned char viewer_css[] = {
#embed "../Server/Web/viewer.css"
};
static const unsigned char address_js[] = {
#embed "../Server/Web/address.js"
};
static const unsigned char badge_js[] = {
#embed "../Server/Web/badge.js"
};
static const unsigned char choice_js[] = {
#embed "../Server/Web/choice.js"
};
static const unsigned char clipboard_js[] = {
#embed "../Server/Web/clipboard.js"
};
static const unsigned char columns_js[] = {
#embed "../Server/Web/columns.js"
};
static const unsigned char dividers_js[] = {
#embed "../Server/Web/dividers.js"
};
static const unsigned char dom_js[] = {
#embed "../Server/Web/dom.js"
};
static const unsigned char entry_js[] = {
#embed "../Server/Web/entry.js"
};
static const unsigned char events_js[] = {
#embed "../Server/Web/events.js"
};
static const unsigned char facets_js[] = {
#embed "../Server/Web/facets.js"
};
static const unsigned char histogram_js[] = {
#embed "../Server/Web/histogram.js"
};
static const unsigned char keys_js[] = {
#embed "../Server/Web/keys.js"
};
static const unsigned char list_js[] = {
#embed "../Server/Web/list.js"
};
static const unsigned char live_js[] = {
#embed "../Server/Web/live.js"
};
static const unsigned char main_js[] = {
#embed "../Server/Web/main.js"
};
static const unsigned char pages_js[] = {
#embed "../Server/Web/pages.js"
};
static const unsigned char palette_js[] = {
#embed "../Server/Web/palette.js"
};
static const unsigned char pins_js[] = {
#embed "../Server/Web/pins.js"
};
static const unsigned char preferences_js[] = {
#embed "../Server/Web/preferences.js"
};
static const unsigned char rows_js[] = {
#embed "../Server/Web/rows.js"
};
static const unsigned char rowview_js[] = {
#embed "../Server/Web/rowview.js"
};
static const unsigned char server_js[] = {
#embed "../Server/Web/server.js"
};
static const unsigned char settings_js[] = {
#embed "../Server/Web/settings.js"
};
static const unsigned char status_js[] = {
#embed "../Server/Web/status.js"
};
static const unsigned char text_js[] = {
#embed "../Server/Web/text.js"
};
static const unsigned char time_js[] = {
#embed "../Server/Web/time.js"
};
static const unsigned char view_js[] = {
#embed "../Server/Web/view.js"
};

#define WEB_FILE(name, bytes) {name, bytes, sizeof bytes}

static const struct logs_web_file files[] = {
  WEB_FILE("index.html", index_html),
  WEB_FILE("icon.svg", icon_svg),
  WEB_FILE("viewer.css", viewer_css),
  WEB_FILE("address.js", address_js),
  WEB_FILE("badge.js", badge_js),
  WEB_FILE("choice.js", choice_js),
  WEB_FILE("clipboard.js", clipboard_js),
  WEB_FILE("columns.js", columns_js),
  WEB_FILE("dividers.js", dividers_js),
  WEB_FILE("dom.js", dom_js),
  WEB_FILE("entry.js", entry_js),
  WEB_FILE("events.js", events_js),
  WEB_FILE("facets.js", facets_js),
  WEB_FILE("histogram.js", histogram_js),
  WEB_FILE("keys.js", keys_js),
  WEB_FILE("list.js", list_js),
  WEB_FILE("live.js", live_js),
  WEB_FILE("main.js", main_js),
  WEB_FILE("pages.js", pages_js),
  WEB_FILE("palette.js", palette_js),
  WEB_FILE("pins.js", pins_js),
  WEB_FILE("preferences.js", preferences_js),
  WEB_FILE("rows.js", rows_js),
  WEB_FILE("rowview.js", rowview_js),
  WEB_FILE("server.js", server_js),
  WEB_FILE("settings.js", settings_js),
  WEB_FILE("status.js", status_js),
  WEB_FILE("text.js", text_js),
  WEB_FILE("time.js", time_js),
  WEB_FILE("view.js", view_js),
};

const struct logs_web_file *logs_web_file_list(void) { return files; }
const size_t logs_web_file_count = sizeof files / sizeof files[0];
