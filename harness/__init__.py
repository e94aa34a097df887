"""The training set-up a new workspace starts from.

`profiles.workspace_files` gives the files. All others here are data: a workspace gets plain copies
of them, which know nothing of this package and import each other as top-level modules.
"""
