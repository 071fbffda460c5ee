"""Moto's server, signing the digest that it is sent: Moto takes each for a message and hashes it.

``python moto_with_digests.py PORT``, in the environment of ``moto.txt``. AWS signs what comes with
``MessageType=DIGEST`` as it is, and securesystemslib sends nothing else.
"""

import sys

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms import utils
from moto.server import main


def sign_rsa(key, message, signing_algorithm):
    padding, hash = key._RSAPrivateKey__padding_and_hash_algorithm(signing_algorithm)
    return key.private_key.sign(message, padding, Prehashed(hash))


def sign_ecdsa(key, message, signing_algorithm):
    hash = key._ECDSAPrivateKey__hash_algorithm(signing_algorithm)
    return key.private_key.sign(message, ec.ECDSA(Prehashed(hash)))


utils.RSAPrivateKey.sign = sign_rsa
utils.ECDSAPrivateKey.sign = sign_ecdsa

if __name__ == "__main__":
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
