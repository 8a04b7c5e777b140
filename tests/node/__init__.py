"""The whole way of an installation, on a real node: image, chart, example, application, rotation, upgrade, uninstall."""
