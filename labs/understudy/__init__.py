"""Stands in for Flux's controllers that cannot be had, on the same objects, with the same result.

What runs in the cluster: the image reflector, the image automation and the receiver, one small
process each. docs/understudy.md lists what of Flux's API they cover; anything else in a spec is
refused in the object's status.
"""
