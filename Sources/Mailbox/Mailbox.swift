// The target Mailbox; Package.swift says what it may import.
