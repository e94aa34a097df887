"""The actions of every screen: their keys, titles and conditions."""
