# What R reads of a slide's result, as JSON on standard output; called by check_readers_in_r.py.
#
#   Rscript tools/check_readers_in_r.R READER MAP [PAGE PREDICTIONS]
#
# READER is r, anndatar or zellkonverter; MAP the folder of a slide's result. For r the R code of PAGE (docs/slides.md)
# is run as it stands there, with MAP for maps/NAME, and its read_table reads PREDICTIONS too.

arguments <- commandArgs(trailingOnly = TRUE)
reader <- arguments[1]
folder <- arguments[2]

passage <- function(page) {
  lines <- readLines(page, encoding = "UTF-8")
  begin <- which(lines == "```r")
  end <- which(lines == "```")
  blocks <- lapply(begin, function(first) lines[(first + 1):(min(end[end > first]) - 1)])
  gsub("maps/NAME", folder, unlist(blocks), fixed = TRUE)
}

versions <- function(...) {
  found <- vapply(c(...), function(name) paste(name, packageVersion(name)), "")
  paste(c(paste("R", getRversion()), found), collapse = ", ")
}

found <- if (reader == "r") {
  eval(parse(text = passage(arguments[3]), encoding = "UTF-8"))
  places <- do.call(rbind, lapply(map$geometry, function(shape) as.vector(sf::st_bbox(shape))))
  again <- hdf5r::H5File$new(file.path(folder, "features.h5"), mode = "r")
  list(
    versions = versions("jsonlite", "rhdf5", "hdf5r", "sf"),
    tiles = as.list(tiles), predictions = if (nzchar(arguments[4])) as.list(read_table(arguments[4])),
    summary_mpp = unlist(summary$mpp[c("x", "y")]),
    features = features, corners = corners, mpp = mpp, stamp = t(h5read(file.path(folder, "stamp.h5"), "feats")),
    stamp_corners_um = t(h5read(file.path(folder, "stamp.h5"), "coords")),
    map_corners = places[, 1:2, drop = FALSE], map_sizes = places[, 3:4, drop = FALSE] - places[, 1:2, drop = FALSE],
    map_label = map$class, map_measurements = as.list(measurements), map_areas = as.numeric(sf::st_area(map)),
    hdf5r_features = t(again[["features"]]$read()), hdf5r_corners = t(again[["coords"]]$read())
  )
} else if (reader == "anndatar") {
  table <- anndataR::read_h5ad(file.path(folder, "tiles.h5ad"))
  list(
    versions = versions("anndataR", "rhdf5"), X = unname(table$X), middles = unname(table$obsm$spatial),
    label = as.character(table$obs$predicted_label), obs = I(names(table$obs))
  )
} else {
  table <- zellkonverter::readH5AD(file.path(folder, "tiles.h5ad"), reader = "R")
  columns <- SummarizedExperiment::colData(table)
  list(
    versions = versions("zellkonverter", "rhdf5"), X = unname(t(as.matrix(SummarizedExperiment::assay(table)))),
    middles = unname(SingleCellExperiment::reducedDim(table)), label = as.character(columns$predicted_label),
    obs = I(names(columns))
  )
}
writeLines(enc2utf8(as.character(jsonlite::toJSON(found, digits = NA, na = "null"))), useBytes = TRUE)
