// The target Primitives; Package.swift says what it may import.
